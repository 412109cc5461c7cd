# The page, in its pod: reads its settings, watches them, leads with a lease.
# runs as: shop/page
# in a pod of: app=page
kubectl get --raw /api/v1/namespaces/shop/configmaps/page-settings
kubectl get --raw '/api/v1/namespaces/shop/configmaps?watch=1&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name%3Dpage-settings'
fails kubectl get --raw /apis/coordination.k8s.io/v1/namespaces/shop/leases/page-leader
sed 's/cart-lock/page-leader/' "$objects/lease.json" | kubectl create --raw /apis/coordination.k8s.io/v1/namespaces/shop/leases -f -
kubectl get --raw /apis/coordination.k8s.io/v1/namespaces/shop/leases/page-leader | sed 's/shop-1/shop-2/' \
  | kubectl replace --raw /apis/coordination.k8s.io/v1/namespaces/shop/leases/page-leader -f -
