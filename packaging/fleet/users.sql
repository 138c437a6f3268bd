-- Gives a bridge of a fleet the users of another, whose copy lies beside it as given.db; what each has used here stays.
ATTACH 'given.db' AS given;
BEGIN IMMEDIATE;
DELETE FROM users WHERE id NOT IN (SELECT id FROM given.users);
INSERT INTO users SELECT * FROM given.users WHERE true
  ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, name = excluded.name, created = excluded.created,
    expires = excluded.expires, quota = excluded.quota;
COMMIT;
DETACH given;
