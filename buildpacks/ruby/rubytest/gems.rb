# gems.rb OUT TREE... : makes real .gem files of unpacked Debian packages (a directory with usr/) and of unpacked gem sources (a directory with a
# .gemspec) in OUT/gems, and the indexes beside them, the compact one (/versions, /info/NAME, /names) and the
# older (/specs.4.8.gz, /quick), all as static files.
require "rubygems"
require "rubygems/indexer"
require "rubygems/package"
require "digest"
require "fileutils"
require "tmpdir"

ENV["SOURCE_DATE_EPOCH"] = "315619200"
OUT = File.expand_path(ARGV.shift)
FileUtils.mkdir_p("#{OUT}/gems")

def build(spec)
  FileUtils.mv(Gem::Package.build(spec, true), "#{OUT}/gems")
end

# repack makes a gem of what a package has unpacked: sources in share/rubygems-integration, or a library in vendor_ruby.
def repack(tree, gemspec)
  spec = Gem::Specification.load(gemspec).dup
  base = File.dirname(File.dirname(gemspec))
  Dir.mktmpdir do |dir|
    source = "#{base}/gems/#{spec.full_name}"
    if File.directory?(source)
      FileUtils.cp_r("#{source}/.", dir)
    else
      FileUtils.mkdir_p(["#{dir}/lib", "#{dir}/bin"])
      FileUtils.cp_r("#{tree}/usr/lib/ruby/vendor_ruby/.", "#{dir}/lib") if File.directory?("#{tree}/usr/lib/ruby/vendor_ruby")
      spec.executables = spec.executables.select { |name| File.file?("#{tree}/usr/bin/#{name}") } # others are in other packages
      spec.executables.each { |name| FileUtils.cp("#{tree}/usr/bin/#{name}", "#{dir}/bin/#{name}") }
    end
    precompiled(tree, base, spec, dir) if spec.extensions.any? || Dir["#{tree}/usr/lib/**/*.so"].any?
    Dir.chdir(dir) do
      spec.files = Dir.glob("**/*", File::FNM_DOTMATCH).select { |name| File.file?(name) }.sort
      spec.bindir = File.directory?("exe") ? "exe" : "bin"
      spec.loaded_from = nil
      spec.extra_rdoc_files = spec.test_files = [] # the package may not have them
      build(spec)
    end
  end
end

# precompiled makes a platform gem: the package has the compiled extension, but not its source.
def precompiled(tree, base, spec, dir)
  roots = Dir["#{base}/extensions/*/*/#{spec.full_name}"] + Dir["#{tree}/usr/lib/*/ruby/vendor_ruby/*"]
  root = roots.find { |name| Dir["#{name}/**/*.so"].any? }
  Dir["#{root}/**/*.so"].each do |so|
    target = "#{dir}/lib/#{so.delete_prefix(root + "/")}"
    FileUtils.mkdir_p(File.dirname(target))
    FileUtils.cp(so, target)
  end
  spec.extensions = []
  spec.platform = "x86_64-linux"
  spec.required_ruby_version = ["~> 3.1.0"]
end

def requirement(req)
  req.requirements.map { |op, version| "#{op} #{version}" }.join("&")
end

def info(spec, sha)
  version = spec.platform.to_s == "ruby" ? spec.version.to_s : "#{spec.version}-#{spec.platform}"
  deps = spec.runtime_dependencies.map { |dep| "#{dep.name}:#{requirement(dep.requirement)}" }.join(",")
  facts = ["checksum:#{sha}"]
  facts << "ruby:#{requirement(spec.required_ruby_version)}" unless spec.required_ruby_version.none?
  facts << "rubygems:#{requirement(spec.required_rubygems_version)}" unless spec.required_rubygems_version.none?
  [version, "#{version} #{deps}|#{facts.join(",")}\n"]
end

ARGV.each do |tree|
  tree = File.expand_path(tree)
  if (own = Dir["#{tree}/*.gemspec"].first)
    Dir.chdir(tree) do
      spec = Gem::Specification.load(own)
      spec.files = Dir["{bin,docs,exe,ext,lib,tools}/**/*", "*.md", "LICENSE*"].select { |name| File.file?(name) } # its list is git's, and there is no repository
      build(spec)
    end
  else
    specs = Dir["#{tree}/usr/{share,lib/*}/rubygems-integration/*/specifications/*.gemspec"]
    specs += Dir["#{tree}/lib/ruby/gems/*/specifications/net-*.gemspec"] # of a Ruby: standard gems that Rails names
    specs.each { |gemspec| repack(tree, gemspec) }
  end
end

Gem::Indexer.new(OUT).generate_index # for gem install, which wants more than the compact index

FileUtils.mkdir_p("#{OUT}/info")
versions = +"created_at: 2026-01-01T00:00:00Z\n---\n"
names = Dir["#{OUT}/gems/*.gem"].sort.map { |file| [Gem::Package.new(file).spec, Digest::SHA256.file(file).hexdigest] }.group_by { |spec, _| spec.name }
names.sort.each do |name, list|
  lines = list.sort_by { |spec, _| spec.version }.map { |spec, sha| info(spec, sha) }
  text = "---\n" + lines.map(&:last).join
  File.write("#{OUT}/info/#{name}", text)
  versions << "#{name} #{lines.map(&:first).join(",")} #{Digest::MD5.hexdigest(text)}\n"
end
File.write("#{OUT}/versions", versions)
File.write("#{OUT}/names", "---\n#{names.keys.sort.join("\n")}\n")
