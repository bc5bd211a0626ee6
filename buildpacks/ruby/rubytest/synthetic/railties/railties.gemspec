Gem::Specification.new do |spec|
  spec.name = "railties"
  spec.version = "7.1.0"
  spec.summary = "A stand-in of that name, for tests"
  spec.authors = ["slugc"]
end
