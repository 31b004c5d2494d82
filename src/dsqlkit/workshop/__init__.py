"""The workshop: its seven chapters as data, what each runs, and chapter 7's table.

`chapters` lists them and `playing` runs them; a module each holds what a chapter does. All rooms
of the library are below this one, and none imports it.
"""
