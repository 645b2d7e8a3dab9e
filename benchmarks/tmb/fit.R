# Rscript fit.R months.csv answers.csv: restricted maximum likelihood of every portfolio, by TMB and nlminb.
suppressMessages(library(TMB))
files <- commandArgs(TRUE)
compile("decay.cpp")
dyn.load(dynlib("decay"))
months <- read.csv(files[1])
answers <- do.call(rbind, lapply(split(months, months$seed), function(rows) {
  data <- c(as.list(rows[c("age_start", "age_end", "rate", "dispersion")]), list(client = as.integer(rows$client)))
  start <- list(beta = log(c(1, 0.3, 4)), log_sd = rep(log(0.3), 3), b = matrix(0, max(rows$client) + 1, 3))
  model <- MakeADFun(data, start, random = c("beta", "b"), DLL = "decay", silent = TRUE)
  spread <- nlminb(model$par, model$fn, model$gr)
  # The joint mode of coefficients and clients is not the marginal one: coefficients again, at these spreads.
  start$log_sd <- spread$par
  model <- MakeADFun(data, start, random = "b", map = list(log_sd = factor(rep(NA, 3))), DLL = "decay", silent = TRUE)
  found <- nlminb(model$par, model$fn, model$gr)
  beta <- summary(sdreport(model), "fixed")
  data.frame(seed = rows$seed[1], quantity = c("log start", "log floor", "log tau"), estimate = beta[, 1],
             error = beta[, 2], log_sd = spread$par, converged = spread$convergence + found$convergence == 0)
}))
write.csv(answers, files[2], row.names = FALSE)
