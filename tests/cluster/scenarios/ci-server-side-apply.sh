# A pipeline that deploys as Argo CD and Flux do: server-side apply that creates and that updates, and a PUT that creates.
# runs as: ci/applier
kubectl -n shop apply --server-side -f "$objects/cart.yaml"
sed 's/cart:1/cart:2/' "$objects/cart.yaml" | kubectl -n shop apply --server-side -f -
kubectl -n shop apply --server-side --field-manager=other --force-conflicts -f "$objects/cart.yaml"
kubectl replace --raw /apis/coordination.k8s.io/v1/namespaces/shop/leases/cart-lock -f "$objects/lease.json"
kubectl -n shop delete --wait=false -f "$objects/cart.yaml"
