Gem::Specification.new do |spec|
  spec.name = "sidekiq"
  spec.version = "7.2.0"
  spec.summary = "A stand-in of that name, for tests"
  spec.authors = ["slugc"]
end
