Gem::Specification.new do |spec|
  spec.name = "brokenext"
  spec.version = "1.0.0"
  spec.summary = "A stand-in of that name, for tests"
  spec.authors = ["slugc"]
  spec.extensions = ["ext/brokenext/extconf.rb"]
end
