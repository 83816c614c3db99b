#!/usr/bin/env bash
# Two hosts, in network namespaces of their own, joined by Sluice as an IPv4 router with a packet
# filter. Real ping and iperf3 through it, live rates, and a verdict.
#
#   run.sh [--announce] [--for TIME]     TIME: 10s, 2m; without it, until Ctrl-C
set -u
cd "$(dirname "$0")/../.."

seconds=0
announce=no
while [ $# -gt 0 ]; do
    case $1 in
    --announce) announce=yes ;;
    --for)
        shift
        case ${1:-} in
        *m | *min) n=${1%%m*}; seconds=$((n * 60)) ;;
        *[0-9]s) seconds=${1%s} ;;
        *[0-9]) seconds=$1 ;;
        esac
        case $seconds in 0 | *[!0-9]*) echo "--for ${1:-}: give a time such as 10s or 2m" >&2; exit 2 ;; esac
        ;;
    *) echo "unknown argument $1: give --for TIME or nothing" >&2; exit 2 ;;
    esac
    shift
done

if [ $announce = yes ]; then
    cat <<TEXT
Sluice between two networks. This will
  - install iproute2, iputils-ping, iperf3 and curl if they are missing (Debian or Ubuntu, as root or by sudo),
  - build Sluice,
  - make three network namespaces: host a -- router -- host b, with nothing of this machine in them,
  - run elements/functions/router.click in the middle, with a rule that denies telnet (TCP port 23),
  - send ping, iperf3 and a telnet attempt through it$([ "$seconds" -gt 0 ] && echo ", for about $seconds s" || echo ", until Ctrl-C"),
  - take the namespaces away again. No route, rule or setting of this machine is changed.
TEXT
    exit 0
fi

if [ "$(id -u)" != 0 ]; then
    echo "network namespaces need root; asking sudo"
    if [ "$seconds" -gt 0 ]; then exec sudo "$0" --for "${seconds}s"; else exec sudo "$0"; fi
fi

a=sluice-a-$$ b=sluice-b-$$ r=sluice-r-$$
work=$(mktemp -d)
pids=()
cleanup() {
    trap '' INT TERM
    for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null; done
    wait 2>/dev/null
    for n in $a $b $r; do ip netns del "$n" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'echo; echo "stopping"; stop=yes' INT TERM
stop=no

in_ns() { ip netns exec "$@"; }
say() { printf '\n== %s\n' "$*"; }

for n in $a $b $r; do ip netns add "$n" || { echo "cannot make network namespaces here" >&2; exit 1; }; done
ip -n $r link add left type veth peer name eth0 netns $a
ip -n $r link add right type veth peer name eth0 netns $b
in_ns $r sysctl -qw net.ipv6.conf.all.disable_ipv6=1
for n in $a $b; do
    in_ns $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1
    ip -n $n link set lo up
    ip -n $n link set eth0 up
done
ip -n $r link set lo up
ip -n $r link set left up
ip -n $r link set right up
ip -n $a addr add 10.0.1.2/24 dev eth0 && ip -n $a route add default via 10.0.1.1
ip -n $b addr add 10.0.2.2/24 dev eth0 && ip -n $b route add default via 10.0.2.1

say "host a 10.0.1.2 -- 10.0.1.1 Sluice 10.0.2.1 -- 10.0.2.2 host b"
# Its own session: Ctrl-C reaches this script, which then asks Sluice to stop and prints what it says.
in_ns $r setsid target/release/sluice run elements/functions/router.click --rates \
    A=left A_ADDR=10.0.1.1/24 B=right B_ADDR=10.0.2.1/24 \
    RULES="deny tcp dst port 23, allow all" 2> "$work/sluice" &
sluice=$!
pids+=($sluice)
in_ns $b setsid iperf3 -s -1 > "$work/server" 2>&1 &
pids+=($!)
for _ in 1 2 3 4 5 6 7 8 9 10; do
    in_ns $a ping -c 1 -W 1 10.0.2.2 > /dev/null 2>&1 && break
    kill -0 $sluice 2>/dev/null || break
done
if ! kill -0 $sluice 2>/dev/null; then
    cat "$work/sluice" >&2
    echo "VERDICT: Sluice did not start" >&2
    exit 1
fi

say "ping from a to b"
in_ns $a setsid ping -c 3 -i 0.3 10.0.2.2 | tee "$work/ping"

say "telnet from a to b: the filter denies it"
if in_ns $a timeout 2 bash -c 'exec 3<>/dev/tcp/10.0.2.2/23' 2>/dev/null; then echo "connected: the filter failed"; telnet=open; else
    echo "no answer, as it should be"; telnet=denied; fi

# The function's parameters, changed while it runs.
change() {
    in_ns $r curl -sS --max-time 10 -X PUT -H 'content-type: application/json' http://127.0.0.1:8000/v1/functions/main -d '{
        "parameters": {"A": "left", "A_ADDR": "10.0.1.1/24", "B": "right", "B_ADDR": "10.0.2.1/24",
                       "RULES": "deny tcp dst port 23, deny udp dst port 9, allow all"}, "comment": "no discard service"}'
}

say "the EMS answers at http://127.0.0.1:8000/ in the router's namespace; while this runs, in another terminal:"
echo "ip netns exec $r curl -s http://127.0.0.1:8000/v1/stats"
echo "ip netns exec $r $PWD/target/release/sluice ctl top"

rounds=0
changed=
transfers="$work/transfers"
: > "$transfers"
started=$SECONDS
while [ $stop = no ]; do
    left=5
    if [ "$seconds" -gt 0 ]; then
        left=$((seconds - (SECONDS - started) - 5))
        if [ $rounds -gt 0 ] && [ $left -lt 2 ]; then break; fi
        [ $left -lt 2 ] && left=2
        [ $left -gt 5 ] && left=5
    fi
    say "iperf3 from a to b for $left s$([ "$seconds" = 0 ] && echo ' (Ctrl-C ends)')"
    in_ns $a setsid iperf3 --forceflush -c 10.0.2.2 -t $left > "$work/iperf" 2>&1 &
    p=$!
    while kill -0 $p 2>/dev/null && [ $stop = no ]; do
        sleep 1
        if [ -z "$changed" ]; then
            changed=$(change)
            echo "while packets flow, a rule more, by REST: $changed"
        fi
        tail -n 1 "$work/sluice" | cut -c1-150
    done
    [ $stop = yes ] && kill $p 2>/dev/null
    wait $p 2>/dev/null
    grep -E 'sender|receiver|error' "$work/iperf" | tee -a "$transfers"
    rounds=$((rounds + 1))
    [ $stop = yes ] && break
    in_ns $b setsid iperf3 -s -1 > "$work/server" 2>&1 &
    pids+=($!)
    sleep 0.3
done

# The process group is Sluice's own; the signal goes to the program, not to `ip`.
kill -INT "$(ip netns pids $r | head -n 1)" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 $sluice 2>/dev/null || break; sleep 0.3; done
say "what Sluice counted"
grep -v pps "$work/sluice"

say "VERDICT"
ok=yes
case $changed in
*'"changed":true'*) echo "EMS:      revision 2 since the first transfer, packets waited ${changed##*pauses_ns\":[}" | sed 's/\]}.*/ ns for it/' ;;
*) [ $stop = yes ] && echo "EMS:      stopped before the change" || { echo "EMS:      the change failed: $changed"; ok=no; } ;;
esac
line=$(grep 'packets transmitted' "$work/ping" | cut -d, -f1-3)
echo "ping:     $line"
grep -q ' 0% packet loss' "$work/ping" || ok=no
if grep -q receiver "$transfers"; then
    echo "iperf3:   $(grep receiver "$transfers" | tail -n 1 | awk '{print $5, $6, "received at", $7, $8}')"
elif [ $stop = yes ]; then
    echo "iperf3:   stopped before a transfer was over"
else
    echo "iperf3:   no transfer came through"
    ok=no
fi
echo "telnet:   $telnet, $(sed -n '/^rules of filter/,$p' "$work/sluice" | awk '/deny tcp dst port 23/ {print $2; exit}') packets dropped by the rule ‘deny tcp dst port 23’"
[ $telnet = denied ] || ok=no
grep -q '(exact)' "$work/sluice" || ok=no
echo "counters: $(grep '(exact)' "$work/sluice" || echo 'do not add up')"
if [ $ok = yes ]; then echo "all well"; else echo "something went wrong: see above"; exit 1; fi
