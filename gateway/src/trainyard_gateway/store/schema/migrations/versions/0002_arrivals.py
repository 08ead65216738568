"""The inbox of batches that are not applied yet (table `arrivals`)."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "arrivals",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("stream_id", number, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stream_id", "sequence", name="arrivals_by_sequence"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Entries live for less than a second, so compressing them would only cost time.
        op.execute("ALTER TABLE arrivals ALTER COLUMN body SET STORAGE EXTERNAL")
        op.execute(_KEEP)


# Each statement of the function sees what is committed when it starts. A single statement would
# look for an applied batch first and then wait for the transaction that is just applying it,
# and would take the batch for a new one. The scalar subquery runs once for each row; a join
# might read all batches.
_KEEP = """
CREATE FUNCTION keep_arrivals(streams bigint[], sequences bigint[], bodies text[])
RETURNS TABLE (id bigint, stream_id bigint, sequence bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    ids bigint[];
    senders bigint[];
    numbers bigint[];
    known bigint[];
BEGIN
    WITH fresh AS (
        INSERT INTO arrivals (stream_id, sequence, body)
        SELECT * FROM unnest(streams, sequences, bodies)
        ON CONFLICT (stream_id, sequence) DO NOTHING RETURNING id, stream_id, sequence
    ) SELECT array_agg(id), array_agg(stream_id), array_agg(sequence) INTO ids, senders, numbers FROM fresh;
    known := ARRAY(
        SELECT id FROM unnest(ids, senders, numbers) AS fresh (id, stream_id, sequence)
        WHERE (SELECT true FROM batches WHERE batches.stream_id = fresh.stream_id AND batches.sequence = fresh.sequence)
    );
    IF known <> '{}' THEN
        DELETE FROM arrivals WHERE id = ANY(known);
    END IF;
    RETURN QUERY SELECT * FROM unnest(ids, senders, numbers) AS fresh (id, stream_id, sequence) WHERE id <> ALL(known);
END $$
"""
