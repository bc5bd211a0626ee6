Gem::Specification.new do |spec|
  spec.name = "pg"
  spec.version = "1.5.0"
  spec.summary = "A stand-in of that name, for tests"
  spec.authors = ["slugc"]
end
