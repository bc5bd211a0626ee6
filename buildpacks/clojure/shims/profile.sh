# The JVM's options follow the memory that the container may use; what the user has set wins.
if [ -d "$JAVA_HOME/lib/needed" ]; then
	for slugc_library in "$JAVA_HOME"/lib/needed/*; do
		for slugc_dir in /lib/*-linux-gnu* /usr/lib/*-linux-gnu* /lib64 /usr/lib64 /lib /usr/lib; do
			[ ! -e "$slugc_dir/${slugc_library##*/}" ] || continue 2
		done
		export LD_LIBRARY_PATH="$slugc_library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
	done
	unset slugc_library slugc_dir
fi
slugc_memory=$(
@MEMORY@
	if [ -n "$least" ]; then echo $((least / 1048576)); fi
) 2>/dev/null || :
slugc_options=-Dfile.encoding=UTF-8
case " ${JAVA_OPTS:-} ${JAVA_TOOL_OPTIONS:-} ${JDK_JAVA_OPTIONS:-} " in
*" -Xmx"* | *" -XX:MaxHeapSize="* | *" -XX:MaxRAM"*) ;;
*)
	if [ -n "$slugc_memory" ]; then
		# Small containers need a larger share for what is not heap: 300 MB of 512, 671 of 1024, four fifths from 4096 on, and a line between.
		if [ "$slugc_memory" -le 512 ]; then
			slugc_heap=$((slugc_memory * (20480 + 9520 * slugc_memory / 512) / 51200))
		elif [ "$slugc_memory" -le 1024 ]; then
			slugc_heap=$((300 + (slugc_memory - 512) * 371 / 512))
		elif [ "$slugc_memory" -le 4096 ]; then
			slugc_heap=$((671 + (slugc_memory - 1024) * 2605 / 3072))
		else
			slugc_heap=$((slugc_memory * 4 / 5))
		fi
		slugc_options="$slugc_options -Xmx${slugc_heap}m"
		if [ "$slugc_memory" -le 512 ]; then
			case " ${JAVA_OPTS:-} ${JAVA_TOOL_OPTIONS:-} " in *" -Xss"*) ;; *) slugc_options="$slugc_options -Xss512k" ;; esac
		fi
		if [ "$slugc_memory" -le 1024 ]; then slugc_options="$slugc_options -XX:CICompilerCount=2"; fi
	fi
	;;
esac
export JAVA_OPTS="$slugc_options${JAVA_OPTS:+ $JAVA_OPTS}"
case "${DYNO:-}" in
run.*) ;;
*) export JAVA_TOOL_OPTIONS="$slugc_options${JAVA_TOOL_OPTIONS:+ $JAVA_TOOL_OPTIONS}" ;;
esac
unset slugc_memory slugc_options slugc_heap
# JDBC wants its own form of the database's address.
if [ -z "${JDBC_DATABASE_URL:-}" ]; then
	slugc_url=${DATABASE_URL:-${JAWSDB_URL:-${JAWSDB_MARIA_URL:-${CLEARDB_DATABASE_URL:-}}}}
	case "$slugc_url" in
	postgres://*@* | postgresql://*@*) slugc_jdbc=postgresql ;;
	mysql://*@*) slugc_jdbc=mysql ;;
	mariadb://*@*) slugc_jdbc=mariadb ;;
	*) slugc_jdbc= ;;
	esac
	if [ -n "$slugc_jdbc" ]; then
		slugc_url=${slugc_url#*://}
		slugc_user=${slugc_url%%@*}
		slugc_place=${slugc_url#*@}
		case "$slugc_place" in *\?*) slugc_query="&${slugc_place#*\?}" ;; *) slugc_query= ;; esac
		JDBC_DATABASE_USERNAME=${slugc_user%%:*}
		JDBC_DATABASE_PASSWORD=${slugc_user#*:}
		slugc_query="user=$JDBC_DATABASE_USERNAME&password=$JDBC_DATABASE_PASSWORD$slugc_query"
		case "$slugc_jdbc${CI:-} $slugc_query" in "postgresql "*sslmode=* | postgresql?*" "*) ;; postgresql*) slugc_query="$slugc_query&sslmode=require" ;; esac
		JDBC_DATABASE_URL="jdbc:$slugc_jdbc://${slugc_place%%\?*}?$slugc_query"
		export JDBC_DATABASE_URL JDBC_DATABASE_USERNAME JDBC_DATABASE_PASSWORD
	fi
	unset slugc_url slugc_jdbc slugc_user slugc_place slugc_query
fi
