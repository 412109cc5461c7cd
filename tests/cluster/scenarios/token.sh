# A broker asks for tokens of other accounts, one of them bound to a pod.
# runs as: ops/tokens
kubectl -n shop create token web >/dev/null
pod=$(kubectl -n shop get pods -l app=front -o 'jsonpath={.items[0].metadata.name}')
kubectl -n shop create token web --bound-object-kind=Pod --bound-object-name="$pod" --duration=1h >/dev/null
