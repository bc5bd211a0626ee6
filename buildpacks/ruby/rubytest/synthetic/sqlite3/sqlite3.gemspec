Gem::Specification.new do |spec|
  spec.name = "sqlite3"
  spec.version = "1.3.13"
  spec.summary = "A stand-in of that name, for tests"
  spec.authors = ["slugc"]
  spec.extensions = ["ext/sqlite3/extconf.rb"]
end
