require "mkmf"

create_makefile "brokenext"
