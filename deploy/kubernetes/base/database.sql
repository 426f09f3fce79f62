-- Run once, when the data folder is made. Services connect as `deskbus`, which makes its own schemas and roles
-- (libs.runtime.migrate) and is no superuser: a superuser would pass by every right that keeps the services apart.
\getenv password POSTGRES_PASSWORD
create role deskbus login createrole password :'password';
create database deskbus owner deskbus;
-- From here on the superuser comes in by the server's own socket only.
alter role postgres password null;
