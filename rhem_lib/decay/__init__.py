"""Panel -> onboarding decay curve with intervals."""

from rhem_lib.decay.client_months import Months, client_order, fitted_months, lay_out
from rhem_lib.decay.curves import half_life, time_to_level
from rhem_lib.decay.decline_test import check_decline
from rhem_lib.decay.fit import DecayFit, fit_decay
from rhem_lib.decay.laplace import Model, evaluate
from rhem_lib.decay.mixed_model import Fit, maximise, starting_values
from rhem_lib.decay.mixed_model import fit as fit_mixed_model
from rhem_lib.decay.posterior import at_covariates, draw_population, level_interval
from rhem_lib.decay.posterior import effect as covariate_effect
from rhem_lib.decay.residuals import expected as expected_hours
from rhem_lib.decay.season import find_wave, newton_step
from rhem_lib.decay.target_check import Claim, left_book

__all__ = [
    "Claim",
    "DecayFit",
    "Fit",
    "Model",
    "Months",
    "at_covariates",
    "check_decline",
    "client_order",
    "covariate_effect",
    "draw_population",
    "evaluate",
    "expected_hours",
    "find_wave",
    "fit_decay",
    "fit_mixed_model",
    "fitted_months",
    "half_life",
    "lay_out",
    "left_book",
    "level_interval",
    "maximise",
    "newton_step",
    "starting_values",
    "time_to_level",
]
