# The shop itself is installed: accounts, settings, Deployments, Services, an Ingress, a CronJob, and what keeps them going.
# runs as: ci/installer
kubectl -n shop apply -f "$objects/shop.yaml"
kubectl -n shop rollout status deployment/catalog --timeout=60s
kubectl -n shop get pods,services,ingresses
kubectl -n shop delete --wait=false -f "$objects/shop.yaml"
