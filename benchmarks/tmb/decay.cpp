// The decay model once more, in TMB: automatic derivatives, TMB's own Tweedie density and Laplace approximation.
#include <TMB.hpp>

template <class Type>
Type objective_function<Type>::operator()() {
  DATA_VECTOR(age_start);
  DATA_VECTOR(age_end);
  DATA_VECTOR(rate);
  DATA_VECTOR(dispersion);
  DATA_IVECTOR(client);
  PARAMETER_VECTOR(beta);    // log start, log floor, log tau of the typical client
  PARAMETER_VECTOR(log_sd);  // of the clients around it
  PARAMETER_MATRIX(b);       // clients x 3
  vector<Type> sd = exp(log_sd);
  Type minus = -(log_sd - sd / Type(0.5)).sum();
  minus -= dnorm(beta(2), Type(log(4.0)), Type(1), true);
  minus -= dnorm(beta(1) - beta(0), Type(log(0.25)), Type(1), true);
  for (int i = 0; i < b.rows(); i++)
    for (int j = 0; j < 3; j++) minus -= dnorm(b(i, j), Type(0), sd(j), true);
  for (int k = 0; k < rate.size(); k++) {
    vector<Type> eta = beta + vector<Type>(b.row(client(k)));
    Type start = exp(eta(0)), floor = exp(eta(1)), tau = exp(eta(2));
    Type share = tau * (exp(-age_start(k) / tau) - exp(-age_end(k) / tau)) / (age_end(k) - age_start(k));
    minus -= dtweedie(rate(k), floor + (start - floor) * share, dispersion(k), Type(1.5), true);
  }
  return minus;
}
