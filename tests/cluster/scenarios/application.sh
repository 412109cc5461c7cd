# A program in a pod: reads its settings and keys, watches one of them and its peers, leads with a lease, says what it did.
# runs as: shop/web
# in a pod of: app=front
kubectl -n shop get configmap web-settings
kubectl -n shop get secret web-keys >/dev/null
kubectl get --raw '/api/v1/namespaces/shop/configmaps?watch=1&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name%3Dweb-settings'
kubectl get --raw '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dfront'
fails kubectl -n shop get lease web-leader
sed 's/cart-lock/web-leader/' "$objects/lease.json" | kubectl -n shop create -f -
kubectl -n shop patch lease web-leader --type=merge -p '{"spec":{"holderIdentity":"web-2"}}'
kubectl auth can-i list pods -n shop || true
