-- What the documents did not answer, so that somebody can write it. Customers' words: they go with their sessions.

create table gaps (
    tenant text not null,
    gap_id text not null,
    folded text not null, -- a hash: questions with the same one are the same but for case, accents and punctuation
    question text not null, -- in the words of whoever asked last
    count int not null,
    first_asked_at timestamptz not null,
    last_asked_at timestamptz not null,
    primary key (tenant, gap_id),
    unique (tenant, folded)
);
create index gaps_most_wanted on gaps (tenant, count desc, last_asked_at desc, gap_id);

-- Each turn's part in a gap.
create table gap_questions (
    tenant text not null,
    session_id text not null,
    turn_id text not null,
    gap_id text not null,
    question text not null,
    asked_at timestamptz not null,
    primary key (tenant, session_id, turn_id),
    foreign key (tenant, gap_id) references gaps on delete cascade
);
create index gap_questions_of_gap on gap_questions (tenant, gap_id, asked_at desc, turn_id desc);

-- Sessions that were deleted lately: an answer of theirs that is heard of later must leave nothing.
create table forgotten_sessions (
    tenant text not null,
    session_id text not null,
    forgotten_at timestamptz not null default now(),
    primary key (tenant, session_id)
);
create index forgotten_sessions_by_age on forgotten_sessions (forgotten_at);
