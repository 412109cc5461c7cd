# A monitor: lists and watches across the cluster, scrapes the API server's metrics, and asks nodes and pods through the proxy.
# runs as: monitoring/prometheus
for path in pods nodes services; do kubectl get --raw "/api/v1/$path?limit=500" >/dev/null; done
kubectl get --raw '/apis/discovery.k8s.io/v1/endpointslices?limit=500' >/dev/null
kubectl get --raw '/api/v1/pods?watch=1&timeoutSeconds=1' >/dev/null
kubectl get --raw /metrics >/dev/null
kubectl get --raw '/livez?verbose' >/dev/null
# Authorized, then failed: the API server passes nothing on to a loopback address, and the Service has no such port.
fails kubectl get --raw /api/v1/nodes/node-1/proxy/metrics
fails kubectl get --raw /api/v1/namespaces/shop/services/front:9/proxy/metrics
