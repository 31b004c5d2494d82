"""The local cluster from outside, from any process of this user: started, asked, stopped.

The cluster is a process of its own (`dsqlkit.local.daemon`). What is here launches it, signals it,
signs in to it, and reads what it left in its state folder.

May import every room; nobody in them imports this.
"""
