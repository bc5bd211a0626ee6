# Debian's packages of Python, unpacked. Nothing is installed: none of their scripts run, and any user may do it.
# Versions are those of the machine's Debian.

# Python writes no bytecode by itself: it would hold the times of files.
export PYTHONDONTWRITEBYTECODE=1

step() { echo "-----> $*"; }
fail() { printf ' !     %s\n' "$@" >&2; exit 1; }

# Packages that every machine has, or that an app does not need.
left_out='libc6|libgcc-s1|gcc-.*|libcrypt1|c?debconf|libdebian.*|dpkg|tar|perl.*|libperl.*|libgdbm.*|libnewt.*|libslang.*'
left_out+='|libtextwrap.*|install-info|libacl1|libselinux1|libpcre2.*|libmd0|libzstd1|mailcap|mime-support'
left_out+='|readline-common|libnsl2|libtirpc.*|libgssapi.*|libk5.*|libkrb5.*|libkeyutils1|libcom-err2'
left_out+='|python3-(distutils|lib2to3|setuptools)'

# apt runs with a state of its own, which knows of no installed package. It takes the machine's lists of packages, or
# fetches them.
use_apt() {
	apt=$CACHE/apt debs=$CACHE/debs
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$debs"
	: >"$apt/status"
	options=(
		-o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache"
		-o Dir::Cache::pkgcache=pkgcache.bin -o Debug::NoLocking=true -o Acquire::Languages=none -o Acquire::Retries=3
	)
	if compgen -G "$apt/lists/*_Packages*" >/dev/null; then
		return
	elif compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
		options+=(-o Dir::State::Lists=/var/lib/apt/lists)
	else
		update
	fi
}

update() {
	step "Fetching the lists of Debian's packages"
	options+=(-o Dir::State::Lists="$apt/lists")
	apt-get "${options[@]}" -qq update
}

# packages_of prints the Debian packages of a requirements.txt: "Django>=3.2  # comment" is python3-django.
packages_of() {
	sed -e 's/#.*//' -e 's/[^A-Za-z0-9._-].*//' -e '/^$/d' -e 's/^/python3-/' "$1" | tr 'A-Z_' 'a-z-'
}

# find_packages REQUIREMENTS sets packages to Python, what is required, and what that depends on.
find_packages() {
	local name names
	mapfile -t names < <(packages_of "$1")
	for name in "${names[@]}"; do
		apt-cache "${options[@]}" pkgnames "$name" | grep -x "$name" >/dev/null ||
			fail "requirements.txt: Debian has no package $name."
	done
	mapfile -t packages < <(
		apt-cache "${options[@]}" depends --recurse --important python3-minimal libpython3-stdlib \
			python3-pkg-resources "${names[@]}" | grep '^[a-z0-9]' | sort -u | grep -vxE "$left_out"
	)
}

# vendor DIR puts the packages into DIR.
vendor() {
	local name unpacked script
	step "Vendoring ${#packages[@]} of Debian's packages"
	(cd "$debs" && apt-get "${options[@]}" -qq download "${packages[@]}") ||
		{ update && (cd "$debs" && apt-get "${options[@]}" -qq download "${packages[@]}"); }
	unpacked=$(mktemp -d)
	for name in "${packages[@]}"; do
		dpkg-deb --extract "$(ls -v "$debs/${name}"_*.deb | tail -n 1)" "$unpacked"
	done
	rm -rf "$1"
	mkdir -p "$1/share"
	mv "$unpacked"/usr/{bin,lib} "$1/"
	[ ! -d "$unpacked/lib" ] || cp -a "$unpacked/lib/." "$1/lib/"
	mv "$1"/lib/*-linux-gnu "$1/lib/shared"
	[ ! -d "$unpacked/usr/share/zoneinfo" ] || mv "$unpacked/usr/share/zoneinfo" "$1/share/"
	rm -rf "$unpacked" "$1"/lib/python3*/{test,idlelib,turtledemo,ensurepip,lib2to3}
	# Of translations, English is all that a fixture needs.
	find "$1" -path '*/locale/*/LC_MESSAGES' ! -path '*/locale/en/*' -prune -exec rm -r {} +
	find "$1" -type l -lname '/*' -delete # to files of /etc, which the packages' scripts would make
	grep -lI '^#!.*/python3' -r "$1/bin" | while read -r script; do
		sed -i '1s,^#!.*/python3.*,#!/usr/bin/env python3,' "$script"
	done
}

# check_versions REQUIREMENTS compares the versions that are required with Debian's.
check_versions() {
	python3 - "$1" <<'EOF' || exit 1
import sys
import pkg_resources
try:
    for line in pkg_resources.yield_lines(open(sys.argv[1])):
        pkg_resources.require(line.split(" #")[0])
except pkg_resources.VersionConflict as e:
    sys.exit(f" !     requirements.txt: {e.req} is required, and Debian has {e.dist.project_name} {e.dist.version}.")
EOF
}

# compile_loaded DIR PLACE MODULE… compiles what is in DIR, which will be at PLACE, of what loading these modules loads.
# The bytecode is valid whatever the times of its files, which are other ones in a slug.
compile_loaded() {
	python3 - "$@" <<'EOF'
import importlib, py_compile, sys
for name in sys.argv[3:]:
    importlib.import_module(name)
for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None) or ""
    if file.startswith(sys.argv[1]) and file.endswith(".py"):
        place = sys.argv[2] + file.removeprefix(sys.argv[1])
        py_compile.compile(file, dfile=place, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
EOF
}
