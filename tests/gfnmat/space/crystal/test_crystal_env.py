"""The environment of crystals: masks, states, and what does not depend on the company."""

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates, CrystalSpace, GFlowNet
from gfnmat.flow.gflownet import PolicySize
from gfnmat.space.crystal import contacts, offers
from gfnmat.space.crystal.env import CrystalEnvironment
from gfnmat.space.crystal.state import Phase
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.wyckoff import load_wyckoff_tables

TABLES = load_wyckoff_tables()


def crystals_of(candidates: Candidates) -> Crystals:
    assert candidates.crystals is not None
    return candidates.crystals


def replayed(environment: CrystalEnvironment, sentences: Tensor) -> list[Tensor]:
    """The states after each word; a finished sentence stays as it is."""
    state = environment.s0.expand(len(sentences), -1).clone()
    found = [state]
    for actions in sentences.unbind(1):
        goes_on = ((actions >= 0) & (actions < environment.n_actions - 1)).nonzero().squeeze(-1)
        state = state.clone()
        if len(goes_on):
            assert environment.forward_masks(state[goes_on]).gather(1, actions[goes_on, None]).all()
            state[goes_on] = environment.advanced(state[goes_on], actions[goes_on])
        found.append(state)
    return found


def test_a_sentence_has_the_same_states_and_masks_alone_and_in_any_company(
    large: CrystalSpace, sample: Candidates
) -> None:
    environment = large.environment()
    sentences = large.sentences(sample, environment)
    together = replayed(environment, sentences)
    order = torch.randperm(len(sentences), generator=torch.Generator().manual_seed(0))
    for one, other in zip(replayed(environment, sentences[order]), together, strict=True):
        assert torch.equal(one, other[order])
    for row in range(0, len(sentences), 23):
        for alone, state in zip(replayed(environment, sentences[[row]]), together, strict=True):
            assert torch.equal(alone[0], state[row])


def test_what_is_admitted_does_not_depend_on_how_a_machine_rounds(
    large: CrystalSpace, sample: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symmetry makes many bins equally roomy; the last digits of their distances must not choose among them."""
    generator = torch.Generator().manual_seed(0)

    def roomy_elsewhere(closest: Tensor, offered: Tensor) -> Tensor:
        rounding = 1 + 1e-6 * (2 * torch.rand(closest.shape, generator=generator) - 1)
        return contacts.roomy(closest * rounding, offered)

    monkeypatch.setattr(offers, "roomy", roomy_elsewhere)
    assert large.admits(sample).all()


def test_log_prob_does_not_depend_on_the_rest_of_the_batch(large: CrystalSpace, sample: Candidates) -> None:
    flow = GFlowNet(large, seed=3, policy=PolicySize(hidden=64, layers=2))
    flow.fit(lambda candidates: -candidates.counts.sum(1).float(), trajectories=256)
    together = flow.log_prob(sample)
    backwards = flow.log_prob(sample[torch.arange(len(sample) - 1, -1, -1)])
    assert torch.allclose(backwards.flip(0), together, atol=1e-4)
    for row in range(0, len(sample), 50):
        assert float(flow.log_prob(sample[row])) == pytest.approx(float(together[row]), abs=1e-4)


def test_sentences_pass_the_check_of_every_action_by_torchgfn(large: CrystalSpace, sample: Candidates) -> None:
    environment = large.environment(debug=True)
    sentences = large.sentences(sample[:40], environment)
    assert sentences.shape[1] <= environment.max_length
    for sentence in sentences:
        states = environment.reset(batch_shape=1)
        for action in sentence[sentence >= 0]:
            states = environment._step(states, environment.actions_from_tensor(action.reshape(1, 1)))
        assert states.is_sink_state.all()
    states = environment.reset(batch_shape=1)
    outside = int((~states.forward_masks[0]).nonzero()[0])
    with pytest.raises(Exception, match="action"):
        environment._step(states, environment.actions_from_tensor(torch.tensor([[outside]])))


def test_each_phase_offers_its_own_words_only(large: CrystalSpace, sample: Candidates) -> None:
    environment = large.environment()
    words = environment.grammar.words
    parts = sorted((words.of(phase) for phase in Phase), key=lambda part: part.start)
    assert [part.start for part in parts] == [0, *[part.stop for part in parts[:-1]]]
    assert parts[-1].stop == environment.n_actions
    for state in replayed(environment, large.sentences(sample, environment)):
        masks = environment.forward_masks(state)
        for phase in Phase:
            of_phase = masks[environment.question(state) == phase]
            assert of_phase[:, environment.words_of(phase)].any(1).all()
            of_phase[:, environment.words_of(phase)] = False
            assert not of_phase.any()


def test_what_a_policy_sees_and_prefers_is_finite_and_tells_states_apart(
    large: CrystalSpace, sample: Candidates
) -> None:
    environment = large.environment()
    for state in replayed(environment, large.sentences(sample[:100], environment)):
        features = environment.features(state)
        assert features.shape == (100, environment.n_features)
        assert features.isfinite().all()
        assert features.abs().max() <= 1
        weights = environment.log_weights(state)
        assert weights[environment.forward_masks(state)].isfinite().all()
        for phase in environment.question(state).unique().tolist():
            words, rows = environment.words_of(phase), environment.question(state) == phase
            assert torch.equal(environment.log_weights(state[rows], words), weights[rows][:, words])


# What a user asks for
