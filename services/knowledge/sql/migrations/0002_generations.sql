-- What a tenant's searches rest on: another generation with every change of its documents or of the index behind them.
-- A cached result names its generation, so that it ends with it. Random rather than counted: a number would come
-- again after a restore from a backup, with other documents.

create table generations (
    tenant text primary key,
    generation text not null default gen_random_uuid()::text
);

insert into generations (tenant) select distinct tenant from documents;
