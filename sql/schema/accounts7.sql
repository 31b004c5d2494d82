-- Chapter 7: accounts to read plans on.
CREATE TABLE IF NOT EXISTS accounts7 (
    id int,
    account_type varchar(20),
    region_code char(2),
    status varchar(10),
    created_at timestamp DEFAULT now(),
    balance decimal(10, 2),
    metadata_key varchar(50),
    metadata_value text,
    PRIMARY KEY (id, created_at)
);
