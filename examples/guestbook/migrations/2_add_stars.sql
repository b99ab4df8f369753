-- Older versions of the component go on working: they neither write nor read the column.
ALTER TABLE entries ADD COLUMN stars int CHECK (stars BETWEEN 1 AND 5);
