# An autoscaler of one's own: reads and writes the scale subresource.
# runs as: ops/scaler
scale=/apis/apps/v1/namespaces/shop/deployments/front/scale
kubectl get --raw "$scale" | sed 's/"spec":{"replicas":3}/"spec":{"replicas":2}/' | kubectl replace --raw "$scale" -f -
kubectl -n shop patch deployment front --subresource=scale --type=merge -p '{"spec":{"replicas":3}}'
kubectl -n shop scale deployment front --replicas=3
