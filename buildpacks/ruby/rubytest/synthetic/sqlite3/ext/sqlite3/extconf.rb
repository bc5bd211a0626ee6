abort "sqlite3.h is missing. Install SQLite3 from http://www.sqlite.org/ first."
