"""What a TrainingSession is, once, for every room: models, names, the pod contract."""
