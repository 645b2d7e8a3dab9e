"""Panel -> onboarding decay curve with intervals."""

from rhem_lib.decay.calendar_time import drift_of
from rhem_lib.decay.client_months import Months, client_order, fitted_months, lay_out, padded
from rhem_lib.decay.curves import time_to_level
from rhem_lib.decay.decline_test import check_decline
from rhem_lib.decay.fit import DecayFit, fit_decay
from rhem_lib.decay.laplace import Model, evaluate
from rhem_lib.decay.mixed_model import Fit, maximise
from rhem_lib.decay.mixed_model import fit as fit_mixed_model
from rhem_lib.decay.posterior import at_covariates, draw_population, level_interval, parameter_interval
from rhem_lib.decay.posterior import effect as covariate_effect
from rhem_lib.decay.residuals import expected as expected_hours
from rhem_lib.decay.season import find_wave, newton_step
from rhem_lib.decay.target_check import Claim, clients_left

__all__ = [
    "Claim",
    "DecayFit",
    "Fit",
    "Model",
    "Months",
    "at_covariates",
    "check_decline",
    "client_order",
    "clients_left",
    "covariate_effect",
    "draw_population",
    "drift_of",
    "evaluate",
    "expected_hours",
    "find_wave",
    "fit_decay",
    "fit_mixed_model",
    "fitted_months",
    "lay_out",
    "level_interval",
    "maximise",
    "newton_step",
    "padded",
    "parameter_interval",
    "time_to_level",
]
