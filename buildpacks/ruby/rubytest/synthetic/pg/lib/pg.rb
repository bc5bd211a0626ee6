module PG; end
