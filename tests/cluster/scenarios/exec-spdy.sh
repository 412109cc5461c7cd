# An older client: exec over SPDY, which is a POST.
# runs as: ops/old-client
pod=$(kubectl -n shop get pods -l app=front -o 'jsonpath={.items[0].metadata.name}')
[ "$(KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false kubectl -n shop exec "$pod" -- echo looked inside)" = "echo looked inside" ]
