"""What a TrainingSession is, once, for every room.

`session`, `queue` and `training` hold the custom resources as frozen pydantic models; `names`, `phase` and
`contract` hold the words that rooms share; `report` is what trainers send to the gateway; `render`
turns the models into CRD YAML.
"""
