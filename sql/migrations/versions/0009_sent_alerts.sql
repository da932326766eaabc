-- Which alerts were sent, so that each cause is told once: a row is written before its alert is sent.

create table if not exists sent_alert (
    id bigserial primary key,
    kind text not null,                  -- failed, stale, warning, late, recovered
    subject text not null,               -- weekly 2026-11-08..2026-11-14, weekly_summary
    cause text not null,
    title text not null,
    sent_at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz              -- when the cause was gone; if it comes back it is told again
);

create unique index if not exists sent_alert_kind_subject_cause_idx
on sent_alert (kind, subject, cause) where resolved_at is null;

comment on table sent_alert is
'The alerts that were sent; an open cause (resolved_at is null) is not told again. Deleting a row has it told again.';
