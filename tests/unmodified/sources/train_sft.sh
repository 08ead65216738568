# `trl sft` as its wheel ships it. Attempts before the last one go on until they are stopped.
steps=20000
if test "$TRAINYARD_ATTEMPT" -ge "$LAST_ATTEMPT"; then
    steps=$((${TRAINYARD_LATEST_CHECKPOINT##*-} + 40))
fi
exec trl sft --model_name_or_path data/model --dataset_name data/chat --output_dir ckpt \
    --max_steps "$steps" --per_device_train_batch_size 8 --save_steps 50 --logging_steps 10 \
    --save_total_limit 2 --report_to none --bf16 False --use_cpu True "$@"
