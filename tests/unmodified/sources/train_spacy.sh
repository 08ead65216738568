# `spacy train` as its wheel ships it. Attempts before the last one go on until they are stopped.
set -e
test -f data/config.cfg || python3 make_spacy.py data
steps=1000000
if test "$TRAINYARD_ATTEMPT" -ge "$LAST_ATTEMPT"; then
    steps=60
fi
exec python3 -m spacy train data/config.cfg --output out --paths.train data/train.spacy \
    --paths.dev data/dev.spacy --training.max_steps "$steps" --training.eval_frequency 20 \
    --training.patience 0
