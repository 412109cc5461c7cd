# Somebody reaches a Service through port-forward.
# runs as: ops/forwarder
kubectl -n shop port-forward service/front :80 >"$scratch/forward" &
forward=$!
for _ in $(seq 100); do grep -q ^Forwarding "$scratch/forward" && break; sleep 0.1; done
port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$scratch/forward")
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET / HTTP/1.1\r\nHost: front\r\n\r\n' >&3
grep -q forwarded <&3
exec 3<&-
kill "$forward"
wait "$forward" || true
