"""What any surrogate must do. Subclass `SurrogateContract`, say how to make one, and pytest runs it all."""

from abc import ABC, abstractmethod

import pytest
import torch
from botorch.models import ModelListGP
from torch import Tensor

from surrogates import Surrogate

NAN = float("nan")


class Problem:
    """Two properties on a ladder of three rungs over 12 features: rung 0 another scale, rung 1 answers one only."""

    def __init__(self, n: int = 90, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.features = torch.randn(n, 12, generator=generator, dtype=torch.float64)
        self.features[:, 7] = 3.0  # constant, as many descriptors are
        self.fidelities = torch.arange(n) % 3
        self.values = self.truth(self.features, self.fidelities)

    @staticmethod
    def truth(features: Tensor, fidelities: Tensor) -> Tensor:
        one = features[:, 0] + 0.5 * torch.sin(2 * features[:, 1])
        two = 100 + 20 * (features[:, 2] - features[:, 0].tanh())
        scale = torch.tensor([0.3, 1.0, 1.0], dtype=torch.float64)[fidelities]
        values = torch.stack([one * scale - 2 * (fidelities == 0), two], dim=1)
        values[fidelities == 1, 1] = NAN
        return values


class SurrogateContract(ABC):
    """The promises of `surrogates.Surrogate`."""

    n_measurements = 90

    @abstractmethod
    def make(self, n_fidelities: int, n_properties: int) -> Surrogate:
        """A surrogate that has learned nothing."""

    @pytest.fixture(scope="class")
    def problem(self) -> Problem:
        return Problem(self.n_measurements)

    @pytest.fixture(scope="class")
    def fitted(self, problem: Problem) -> Surrogate:
        surrogate = self.make(3, 2)
        surrogate.fit(problem.features, problem.fidelities, problem.values)
        return surrogate

    def test_satisfies_the_protocol(self) -> None:
        assert isinstance(self.make(2, 1), Surrogate)

    @pytest.mark.parametrize("fidelity", [None, 0, 1, 2])
    def test_predictions_are_finite_and_n_by_m(self, fitted: Surrogate, problem: Problem, fidelity: int | None) -> None:
        prediction = fitted.predict(problem.features, fidelity)
        assert prediction.mean.shape == prediction.sd.shape == (len(problem.features), 2)
        assert prediction.mean.isfinite().all()
        assert (prediction.sd > 0).all()
        assert prediction.sd.isfinite().all()

    def test_target_is_the_default(self, fitted: Surrogate, problem: Problem) -> None:
        torch.testing.assert_close(fitted.predict(problem.features).mean, fitted.predict(problem.features, 2).mean)

    def test_no_candidates_give_no_predictions(self, fitted: Surrogate, problem: Problem) -> None:
        assert fitted.predict(problem.features[:0]).mean.shape == (0, 2)
        assert fitted.correlation(problem.features[:0], 0).shape == (0, 2)

    def test_candidates_are_predicted_independently(self, fitted: Surrogate, problem: Problem) -> None:
        many = fitted.predict(problem.features.repeat(30, 1))
        one = fitted.predict(problem.features[3:4])
        again = 3 + 29 * len(problem.features)
        torch.testing.assert_close(many.mean[again], one.mean[0])
        torch.testing.assert_close(many.sd[again], one.sd[0])

    def test_learns(self, fitted: Surrogate, problem: Problem) -> None:
        new = Problem(200, seed=9)
        truth = Problem.truth(new.features, torch.full((200,), 2))
        error = (fitted.predict(new.features).mean - truth).abs().mean(dim=0)
        constant = (problem.values[problem.fidelities == 2].mean(dim=0) - truth).abs().mean(dim=0)
        assert (error < 0.9 * constant).all()

    def test_each_rung_has_its_own_scale(self, fitted: Surrogate, problem: Problem) -> None:
        low, target = fitted.predict(problem.features, 0).mean, fitted.predict(problem.features, 2).mean
        assert low[:, 0].mean() < -1.5
        assert target[:, 0].mean() > -1.0
        assert low[:, 0].std() < 0.7 * target[:, 0].std()

    def test_correlation_is_one_at_the_target_and_bounded_below_it(self, fitted: Surrogate, problem: Problem) -> None:
        ones = torch.ones(len(problem.features), 2, dtype=torch.float64)
        torch.testing.assert_close(fitted.correlation(problem.features, 2), ones)
        below = fitted.correlation(problem.features, 0)
        assert below.shape == ones.shape
        assert (below.abs() <= 1).all()

    def test_correlation_is_zero_where_a_rung_does_not_answer(self, fitted: Surrogate, problem: Problem) -> None:
        correlation = fitted.correlation(problem.features, 1)
        assert (correlation[:, 1] == 0).all()
        assert (correlation[:, 0] != 0).any()

    def test_botorch_model_agrees_with_predictions(self, fitted: Surrogate, problem: Problem) -> None:
        model = fitted.model()
        assert isinstance(model, ModelListGP)
        for fidelity in (0, 2):
            inputs = fitted.transform(problem.features, fidelity)
            assert (inputs[:, -1] == fidelity).all()
            posterior = model.posterior(inputs, observation_noise=True)
            prediction = fitted.predict(problem.features, fidelity)
            torch.testing.assert_close(posterior.mean, prediction.mean, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(posterior.variance.sqrt(), prediction.sd, rtol=1e-4, atol=1e-6)

    def test_transform_takes_a_rung_for_each_candidate(self, fitted: Surrogate, problem: Problem) -> None:
        assert torch.equal(fitted.transform(problem.features, problem.fidelities)[:, -1].long(), problem.fidelities)

    def test_same_measurements_same_model_whatever_the_random_state(self, problem: Problem) -> None:
        predictions = []
        for seed in (0, 1):
            torch.manual_seed(seed)
            surrogate = self.make(3, 2)
            before = torch.get_rng_state()
            surrogate.fit(problem.features, problem.fidelities, problem.values)
            predictions.append(surrogate.predict(problem.features))
            assert torch.equal(torch.get_rng_state(), before), "the global random state was moved"
        assert torch.equal(predictions[0].mean, predictions[1].mean)
        assert torch.equal(predictions[0].sd, predictions[1].sd)

    def test_fitting_again_forgets(self, problem: Problem) -> None:
        surrogate, fresh = self.make(3, 2), self.make(3, 2)
        surrogate.fit(problem.features, problem.fidelities, problem.values + 50)
        surrogate.fit(problem.features, problem.fidelities, problem.values)
        fresh.fit(problem.features, problem.fidelities, problem.values)
        assert torch.equal(surrogate.predict(problem.features).mean, fresh.predict(problem.features).mean)

    def test_rows_without_values_change_nothing(self, problem: Problem) -> None:
        plain, padded = self.make(3, 2), self.make(3, 2)
        plain.fit(problem.features, problem.fidelities, problem.values)
        padded.fit(
            torch.cat([problem.features, problem.features[:9]]),
            torch.cat([problem.fidelities, problem.fidelities[:9]]),
            torch.cat([problem.values, torch.full((9, 2), NAN, dtype=torch.float64)]),
        )
        torch.testing.assert_close(
            plain.predict(problem.features).mean, padded.predict(problem.features).mean, rtol=0.05, atol=0.05
        )

    def test_two_measurements_suffice(self, problem: Problem) -> None:
        surrogate = self.make(3, 2)
        surrogate.fit(problem.features[:2], torch.tensor([2, 2]), torch.tensor([[1.0, 90.0], [2.0, 110.0]]))
        prediction = surrogate.predict(problem.features)
        assert prediction.mean.isfinite().all()
        assert (prediction.sd > 0).all()

    def test_one_measurement_suffices(self, problem: Problem) -> None:
        surrogate = self.make(2, 1)
        surrogate.fit(problem.features[:1], torch.tensor([0]), torch.tensor([[-3.0]]))
        prediction = surrogate.predict(problem.features)
        assert prediction.mean.isfinite().all()
        assert (prediction.sd > 0).all()

    @pytest.mark.parametrize("value", [0.0, -2.5, 1e4])
    def test_equal_values(self, problem: Problem, value: float) -> None:
        surrogate = self.make(2, 1)
        surrogate.fit(problem.features, problem.fidelities % 2, torch.full((len(problem.features), 1), value))
        prediction = surrogate.predict(problem.features)
        torch.testing.assert_close(prediction.mean, torch.full_like(prediction.mean, value), atol=1e-3, rtol=1e-3)
        assert (prediction.sd > 0).all()

    def test_duplicate_rows(self, problem: Problem) -> None:
        surrogate = self.make(3, 2)
        surrogate.fit(problem.features.repeat(3, 1), problem.fidelities.repeat(3), problem.values.repeat(3, 1))
        assert surrogate.predict(problem.features).mean.isfinite().all()

    def test_contradicting_replicates_are_noise(self, problem: Problem) -> None:
        surrogate = self.make(2, 1)
        features = problem.features[:20].repeat(2, 1)
        values = torch.cat([torch.zeros(20), torch.ones(20)]).double()[:, None]
        surrogate.fit(features, torch.ones(40), values)
        prediction = surrogate.predict(problem.features[:20])
        assert ((prediction.mean - 0.5).abs() < 0.1).all()
        assert (prediction.sd > 0.3).all()

    def test_leaving_one_out_covers_what_was_measured(self, fitted: Surrogate, problem: Problem) -> None:
        entries = {(entry.property, entry.fidelity): entry for entry in fitted.leave_one_out()}
        assert set(entries) == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)}
        for (column, rung), entry in entries.items():
            measured = problem.values[problem.fidelities == rung, column]
            assert torch.isin(entry.values, measured).all()
            assert len(entry.values) >= len(measured) / 5
            assert entry.mean.isfinite().all()
            assert (entry.sd > 0).all()

    def test_target_never_measured(self, problem: Problem) -> None:
        surrogate = self.make(3, 2)
        below = problem.fidelities < 2
        surrogate.fit(problem.features[below], problem.fidelities[below], problem.values[below])
        prediction = surrogate.predict(problem.features)
        assert prediction.mean.isfinite().all()
        low = surrogate.predict(problem.features, 1)
        assert prediction.sd[:, 0].mean() > low.sd[:, 0].mean(), "what was not measured is less certain"

    def test_rungs_of_one_property_are_expected_to_agree(self, problem: Problem) -> None:
        surrogate = self.make(2, 1)
        surrogate.fit(problem.features[:4], torch.zeros(4), problem.values[:4, :1].nan_to_num())
        assert (surrogate.correlation(problem.features[4:], 0) > 0).all()

    def test_property_never_answered_is_nan(self, problem: Problem) -> None:
        surrogate = self.make(3, 2)
        values = problem.values.clone()
        values[:, 1] = NAN
        surrogate.fit(problem.features, problem.fidelities, values)
        prediction = surrogate.predict(problem.features)
        assert prediction.mean[:, 0].isfinite().all()
        assert prediction.mean[:, 1].isnan().all()
        assert prediction.sd[:, 1].isnan().all()
        assert (surrogate.correlation(problem.features, 0)[:, 1] == 0).all()
        with pytest.raises(RuntimeError, match="no measurement answers"):
            surrogate.model()

    def test_nothing_measured_predicts_nan(self, problem: Problem) -> None:
        surrogate = self.make(3, 2)
        surrogate.fit(problem.features[:0], problem.fidelities[:0], problem.values[:0])
        assert surrogate.predict(problem.features).mean.isnan().all()
        assert (surrogate.correlation(problem.features, 0) == 0).all()

    def test_unfitted_says_so(self, problem: Problem) -> None:
        surrogate = self.make(3, 2)
        with pytest.raises(RuntimeError, match="fit"):
            surrogate.model()
        with pytest.raises(RuntimeError, match="fit"):
            surrogate.predict(problem.features)

    def test_bad_measurements_are_refused(self, problem: Problem) -> None:
        features, fidelities, values = problem.features, problem.fidelities, problem.values
        surrogate = self.make(3, 2)
        with pytest.raises(ValueError, match="n x 2"):
            surrogate.fit(features, fidelities, values[:, :1])
        with pytest.raises(ValueError, match="n x 2"):
            surrogate.fit(features, fidelities[:-1], values)
        with pytest.raises(ValueError, match="rungs 0 to 2"):
            surrogate.fit(features, fidelities + 1, values)
        with pytest.raises(ValueError, match="features must be finite"):
            surrogate.fit(features.log(), fidelities, values)
        with pytest.raises(ValueError, match="values must be finite"):
            surrogate.fit(features, fidelities, values / 0.0)

    def test_bad_rung_is_refused(self, fitted: Surrogate, problem: Problem) -> None:
        with pytest.raises(ValueError, match="rungs 0 to 2"):
            fitted.predict(problem.features, 3)
