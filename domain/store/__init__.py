"""The only SQL of the project: tables, queries one file per noun, migrations."""
