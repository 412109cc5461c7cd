# An operator with a kind of its own: lists and watches, holds a lease, adds a finalizer, owns a Deployment, writes status, events.
# runs as: operators/widgets
widgets=/apis/example.com/v1/namespaces/shop/widgets
kubectl get --raw /apis/example.com/v1/widgets
kubectl get --raw '/apis/example.com/v1/widgets?watch=1&resourceVersion=0&timeoutSeconds=1'
kubectl -n operators create -f "$objects/lease.json"
kubectl -n operators get lease cart-lock -o json | sed 's/"shop-1"/"shop-2"/' | kubectl -n operators replace -f -
kubectl -n shop patch widget gear --type=merge -p '{"metadata":{"finalizers":["example.com/drain"]}}'
uid=$(kubectl -n shop get widget gear -o 'jsonpath={.metadata.uid}')
sed "s/WIDGET-UID/$uid/" "$objects/owned.yaml" | kubectl -n shop create -f -
kubectl get --raw '/apis/apps/v1/namespaces/shop/deployments?labelSelector=widget%3Dgear'
kubectl get --raw '/apis/apps/v1/namespaces/shop/deployments?watch=1&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name%3Dgear'
kubectl -n shop patch widget gear --subresource=status --type=merge -p '{"status":{"ready":true}}'
kubectl get --raw "$widgets/gear" | sed 's/"ready":true/"ready":false/' | kubectl replace --raw "$widgets/gear/status" -f -
kubectl -n shop create -f "$objects/event.yaml"
kubectl -n shop delete deployment gear --wait=false
kubectl -n shop delete widget gear --wait=false
kubectl -n shop patch widget gear --type=merge -p '{"metadata":{"finalizers":null}}'
