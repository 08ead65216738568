"""The contract between all packages.

`session`, `queue` and `training` hold the custom resources as frozen pydantic models. `names`,
`phase` and `contract` hold shared constants. `report` is what trainers send to the gateway.
`render` writes the CRD YAML.
"""
