#!/bin/sh
# A toy npm. The lock file has a line for each package: name, version, kind. An install runs without forks, but for
# a mkdir and what packages of the kind "script" run.
set -e
case "$1" in
--version) echo 10.9.9 ;;
config) echo "${npm_config_registry:-http://127.0.0.1:9/}" ;;
ci | install)
	[ -f package-lock.json ] || { echo "npm error no lock file"; exit 1; }
	set -- node_modules/.bin "$npm_config_cache/_cacache"
	while read -r mark name version kind; do
		[ "$mark" = '"//":' ] || continue
		name=${name#\"} kind=${kind%%\"*}
		set -- "$@" "node_modules/$name/lib" "node_modules/$name/node_modules/inner"
	done <package-lock.json
	mkdir -p "$@"
	while read -r mark name version kind; do
		[ "$mark" = '"//":' ] || continue
		name=${name#\"} kind=${kind%%\"*} d=node_modules/$name
		echo "{\"name\": \"$name\", \"version\": \"$version\"}" >"$d/package.json"
		echo "{\"name\": \"inner\", \"version\": \"$version\"}" >"$d/node_modules/inner/package.json"
		echo "exports.$kind = '$version'" >"$d/index.js"
		for i in 1 2 3; do echo "part $i of $name" >"$d/lib/$i.js"; done
		echo "cached $version" >"$npm_config_cache/_cacache/${name##*/}"
		[ "$kind" != bin ] || ln -sf "../$name/index.js" "node_modules/.bin/${name##*/}"
		[ "$kind" != script ] || { chmod 755 "$d/lib/1.js"; ln -f "$d/index.js" "$d/lib/hard.js"; }
	done <package-lock.json
	echo '{}' >node_modules/.package-lock.json
	if [ -f postinstall.sh ]; then sh ./postinstall.sh; fi
	echo "added packages" ;;
prune)
	while read -r mark name version kind; do
		[ "$mark" != '"//":' ] || [ "${kind%%\"*}" != dev ] || rm -rf "node_modules/${name#\"}"
	done <package-lock.json
	echo "up to date" ;;
run) exec sh "./$2.sh" ;;
esac
