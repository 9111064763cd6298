"""The words that the generated catalogue is made of: tables, nothing else."""

DOMAINS = (
    "fraud", "churn", "pricing", "demand", "iris", "wine", "credit-risk", "recommender", "ranking",
    "sentiment", "intent", "translation", "summarizer", "invoice", "defect", "segmentation",
    "forecast", "anomaly", "routing", "matching", "toxicity", "speech", "ocr", "energy", "yield",
)  # fmt: skip

ALGORITHMS = (
    "xgb", "forest", "logit", "bert", "resnet", "lstm", "transformer", "kmeans", "svm", "gam",
    "lightgbm", "catboost", "mlp", "unet", "yolo", "prophet", "arima", "knn",
)  # fmt: skip

TEAMS = (
    "risk", "growth", "search", "ads", "payments", "logistics", "vision", "language", "platform",
    "pricing", "support", "energy", "fraud", "media", "maps", "claims", "trading", "research",
    "retail", "health",
)  # fmt: skip

ENVIRONMENTS = {"prod": 60, "staging": 25, "dev": 15}
"""The values of the tag ``env``, in a hundred models."""

ARTIFACTS = {
    "SKLEARN": ("scikit-learn", 30),
    "XGBOOST": ("xgboost", 20),
    "PYTORCH": ("pytorch", 18),
    "TENSORFLOW": ("tensorflow", 12),
    "ONNX": ("onnx", 8),
    "HUGGINGFACE": ("transformers", 7),
    "MLFLOW": ("mlflow", 4),
    "CUSTOM": ("other", 1),
}
"""The types of artefacts: the value of the tag ``framework``, and how many in a hundred models."""

TASKS = {
    "classification": 45,
    "regression": 25,
    "ranking": 10,
    "text-generation": 8,
    "anomaly-detection": 7,
    "clustering": 5,
}

BUCKETS = ("gs://models-prod", "s3://ml-artifacts", "gs://research-models")
PROJECTS = 40
OWNERS = 2000
SCHEMAS = 64
