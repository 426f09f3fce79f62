-- Statements of the attachments service, by name.

-- name: lock_session
select pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))

-- name: session_is_deleted
select exists (select from deleted_sessions where tenant = $1 and session_id = $2)

-- name: insert_attachment
insert into attachments (id, tenant, session_id, filename, content_type, size, sha256)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (id) do nothing

-- name: of_session
select * from attachments where tenant = $1 and session_id = $2 and id = any($3::text[])

-- name: touch
update attachments set used_at = now() where tenant = $1 and session_id = $2 and id = any($3::text[])

-- name: bind
update attachments set message_id = $4
where tenant = $1 and session_id = $2 and id = any($3::text[]) and message_id is null

-- name: delete_unbound
delete from attachments where tenant = $1 and session_id = $2 and id = any($3::text[]) and message_id is null
returning id

-- name: bury_session
insert into deleted_sessions (tenant, session_id) values ($1, $2) on conflict do nothing

-- name: ids_of_session
select id from attachments where tenant = $1 and session_id = $2

-- name: delete_session
delete from attachments where tenant = $1 and session_id = $2

-- name: claim_reading
update attachments set leased_until = now() + make_interval(secs => $1), attempts = attempts + 1
where id = (
    select id from attachments
    where state = 'uploaded' and attempts < $2 and (leased_until is null or leased_until < now())
    order by created_at limit 1 for update skip locked
)
returning id, filename, content_type, size, attempts

-- name: finish_reading
update attachments
set state = $3, detected_type = $4, text = $5, truncated = $6, preview = $7, reason = $8, error = $9,
    leased_until = null
where id = $1 and attempts = $2 and state = 'uploaded'

-- name: put_off_reading
update attachments set leased_until = now() + make_interval(secs => $3), attempts = attempts - 1
where id = $1 and attempts = $2 and state = 'uploaded'

-- name: give_up_reading
update attachments set state = 'rejected', reason = $2, error = $3, leased_until = null
where state = 'uploaded' and attempts >= $1 and leased_until < now()

-- name: delete_unused
delete from attachments where id in (
    select id from attachments
    where message_id is null and used_at < now() - make_interval(secs => $1)
    limit $2 for update skip locked
)
returning id

-- name: forget_deleted_sessions
delete from deleted_sessions where deleted_at < now() - make_interval(secs => $1)

-- name: known
select id from attachments where id = any($1::text[])
