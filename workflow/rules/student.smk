"""Train the students with DeepSpeed and predict with them.

Reads:     items, evidence, labels, base models
Writes:    results/students/{student}/, results/predictions/students/{student}/{view}/{shard}.parquet
Keeps:     results/checkpoints/{student}/: a killed training goes on from its last checkpoint;
           results/features/: what the frozen towers made of premises, up to `features_mb`, which changes no result
Wildcards: student; shard.  Views: full, or audiovisual premises with frames or sound only
"""


rule train_student:
    input:
        unpack(lambda wildcards: training_labels(wildcards.student)),
        item_tables=ITEMS,
        evidence=shards_of("results/evidence/{shard}.parquet"),
        base=lambda wildcards: model_input(CONFIG.students[wildcards.student].base),
        environment=environment_of("student"),
    output:
        student=directory("results/students/{student}"),
    log:
        "results/logs/train_student/{student}.log",
    benchmark:
        "results/benchmarks/train_student/{student}.tsv"
    conda:
        "../../envs/student.yaml"
    resources:
        mem_mb=4000,
        gpu=0,
        features_mb=20000,
    params:
        job=JOB["student"],
        python=python_of("student"),
        settings=lambda wildcards: CONFIG.students[wildcards.student].as_json(),
        media=lambda _: CONFIG.media.as_json(),
        base=lambda wildcards: model_arguments(CONFIG.students[wildcards.student].base),
        labels=lambda wildcards: label_arguments(wildcards.student),
        ranks=lambda wildcards: CONFIG.students[wildcards.student].training.ranks,
        name="{student}",
        checkpoints="results/checkpoints/{student}",
        code=lambda wildcards: code(
            "train-student",
            head_entry(wildcards.student),
            templates=[f"prompts:{CONFIG.students[wildcards.student].prompt}"],
        ),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} \
            --gpus {resources.gpu} --ranks {params.ranks} --resumable -- \
            {params.python} -u -m umui.cli train-student --settings {params.settings:q} \
            --media-settings {params.media:q} --base {params.base} --items {input.item_tables} \
            --evidence {input.evidence} {params.labels} --checkpoints {params.checkpoints} \
            --output {output.student} --workers {threads} \
            --features results/features --features-mb {resources.features_mb} \
            > >(tee {log} | grep --line-buffered -E "^(steps|store|results/checkpoints)" | sed -u "s/^/train_student {params.name}: /" >&2) 2>&1
        """


rule predict:
    input:
        item_tables=ITEMS,
        evidence="results/evidence/{shard}.parquet",
        base=lambda wildcards: model_input(CONFIG.students[wildcards.student].base),
        student="results/students/{student}",
        environment=environment_of("student"),
    output:
        full="results/predictions/students/{student}/full/{shard}.parquet",
        frames="results/predictions/students/{student}/frames/{shard}.parquet",
        sound="results/predictions/students/{student}/sound/{shard}.parquet",
    log:
        "results/logs/predict/{student}/{shard}.log",
    benchmark:
        "results/benchmarks/predict/{student}/{shard}.tsv"
    conda:
        "../../envs/student.yaml"
    resources:
        mem_mb=3000,
        gpu=0,
        features_mb=20000,
    params:
        job=JOB["student"],
        python=python_of("student"),
        settings=lambda wildcards: CONFIG.students[wildcards.student].as_json(),
        media=lambda _: CONFIG.media.as_json(),
        base=lambda wildcards: model_arguments(CONFIG.students[wildcards.student].base),
        name=lambda wildcards: student_title(wildcards.student, "full"),
        frames_only=lambda wildcards: student_title(wildcards.student, "frames"),
        sound_only=lambda wildcards: student_title(wildcards.student, "sound"),
        splits=PREDICTED_SPLITS,
        shard="{shard}",
        shards=CONFIG.shards,
        code=lambda wildcards: code(
            "predict",
            head_entry(wildcards.student),
            templates=[f"prompts:{CONFIG.students[wildcards.student].prompt}"],
        ),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} --gpus {resources.gpu} -- \
            {params.python} -m umui.cli predict --settings {params.settings:q} --media-settings {params.media:q} \
            --base {params.base} --student {input.student} --view full {params.name:q} {output.full} \
            --view frames {params.frames_only:q} {output.frames} --view sound {params.sound_only:q} {output.sound} \
            --splits {params.splits} --items {input.item_tables} --shard {params.shard} --shards {params.shards} \
            --evidence {input.evidence} --workers {threads} \
            --features results/features --features-mb {resources.features_mb} 2>{log}
        """
