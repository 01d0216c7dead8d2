-- What a database for local work needs before `pad-migrate apply`: three roles with their grants, and both schemas.
-- Runs once, as the superuser, in a new database; the passwords are for this machine only.
create role pad_owner login password 'pad_owner';
create role pad_app_user login password 'pad_app_user';
create role pad_reader login password 'pad_reader';

create schema padealing authorization pad_owner;
-- The comment marks the mirror as ours, to be filled by apply and seed. Nobody else's bo_airflow is ever written to.
create schema bo_airflow authorization pad_owner;
comment on schema bo_airflow is 'Reference mirror made by pad-migrate for local and ephemeral use.';

-- Tables in padealing get their grants from the revisions; those of the mirror and the legacy table get them here.
grant usage on schema padealing, bo_airflow to pad_app_user, pad_reader;
alter default privileges for role pad_owner in schema bo_airflow grant select on tables to pad_app_user, pad_reader;
grant usage, create on schema public to pad_owner;
alter default privileges for role pad_owner in schema public grant select on tables to pad_app_user, pad_reader;
