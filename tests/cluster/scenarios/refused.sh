# A narrow account tries more than it may; what it was refused must stay refused.
# runs as: shop/narrow, narrowly
kubectl -n shop get configmap web-settings
refused kubectl -n shop get secret web-keys
refused kubectl -n shop get secrets
refused kubectl get nodes
refused kubectl -n shop delete pod no-such-pod
refused kubectl -n kube-system get pods
refused kubectl -n shop create configmap intruder
refused kubectl -n shop get pods --as=jane
refused kubectl get --raw /metrics
fails kubectl -n shop get configmap no-such-settings
