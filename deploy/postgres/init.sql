-- Run once, by the superuser, when the volume is empty. The program's own role is no superuser: it owns its database,
-- and connections stay reserved for whoever has to look into it when the program has taken all others.
\getenv password DATABASE_PASSWORD
CREATE ROLE parlance LOGIN PASSWORD :'password';
CREATE DATABASE parlance OWNER parlance;
REVOKE ALL ON DATABASE parlance FROM PUBLIC;
