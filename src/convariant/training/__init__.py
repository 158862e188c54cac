"""Training on images, and using what was trained: fit, evaluate, predict, model folders.

The modules in the order that data passes through them: `sources` finds images, `_images` and
`_preprocessing` bring them to one form, `_reading` keeps them in memory, `_augmentation` changes
them, `_loading` puts them into batches; `_recipes` has the numbers of a run, `_setup` decides what
is trained on what, `_module` takes the steps, `_checkpoints` and `_training` run them on Lightning,
`_fit` is all of it; `_model_folder` writes and reads the result, `_evaluate` and `_predict` use it,
`_change` keeps it with another network in it.
"""

from convariant.training._augmentation import Augmentation
from convariant.training._change import save_changed, training_images
from convariant.training._evaluate import evaluate
from convariant.training._fit import TrainingResult, fit
from convariant.training._hardware import Hardware, is_first_process
from convariant.training._images import write_image, write_mask
from convariant.training._model_folder import SavedModel, load_model, read_model, save_model
from convariant.training._predict import Prediction, predict
from convariant.training._preprocessing import Preprocessing
from convariant.training._recipes import Recipe, recipe_of
from convariant.training._report import Reporter, TerminalReporter
from convariant.training._scores import Scores
from convariant.training.sources import open_source, source_names

__all__ = [
    "Augmentation",
    "Hardware",
    "Prediction",
    "Preprocessing",
    "Recipe",
    "Reporter",
    "SavedModel",
    "Scores",
    "TerminalReporter",
    "TrainingResult",
    "evaluate",
    "fit",
    "is_first_process",
    "load_model",
    "open_source",
    "predict",
    "read_model",
    "recipe_of",
    "save_changed",
    "save_model",
    "source_names",
    "training_images",
    "write_image",
    "write_mask",
]
