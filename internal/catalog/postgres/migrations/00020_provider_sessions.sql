-- +goose Up

-- Sessions of people whom a provider knows. They have no row in person: their role is that of the login.
ALTER TABLE session ADD COLUMN provider TEXT NOT NULL DEFAULT ''; -- names the provider with its settings; empty: the session is that of a person
ALTER TABLE session ADD COLUMN role TEXT NOT NULL DEFAULT '';
