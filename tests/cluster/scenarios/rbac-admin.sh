# Somebody gives access away: a Role with rules, a binding to it, and bindings to roles that it does not hold itself.
# runs as: ops/granter
kubectl -n shop create role reader --verb=get,list --resource=secrets
kubectl -n shop create rolebinding reader --role=reader --user=jane
kubectl -n shop create rolebinding viewers --clusterrole=view --group=developers
kubectl create clusterrole node-reader --verb=get,list --resource=nodes
kubectl create clusterrolebinding node-readers --clusterrole=node-reader --group=developers
kubectl -n shop auth reconcile -f "$objects/reconciled.yaml"
kubectl delete clusterrolebinding node-readers
kubectl delete clusterrole node-reader
kubectl -n shop delete rolebinding reader viewers
kubectl -n shop delete role reader
