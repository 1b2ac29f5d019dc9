! One increment of a point: its state in the array of state variables, and equal pieces of the
! increment where it does not converge.

module umat_increment
  use umat_network
  implicit none

contains

  subroutine load(statev, w)
    real(8), intent(in) :: statev(state_size)
    type(network_work), intent(inout) :: w
    integer :: l, k, at
    w%interaction = 0.0d0
    w%interaction_change = 0.0d0
    do l = 1, nl
      at = first_leaf + (l - 1)*leaf_size
      w%plastic_start(:, :, l) = reshape(statev(at:at + 8), [3, 3])
      w%z_start(:, l) = statev(at + 9:at + 8 + nz)
      w%stress(:, l) = statev(at + 9 + nz:at + 14 + nz)
    end do
    w%z = w%z_start
    w%plastic_inverse = w%plastic_start
    do k = 1, inner
      at = first_inner + 6*(k - 1)
      w%interaction(:, k) = statev(at:at + 2)
    end do
  end subroutine load

  subroutine extrapolate(statev, share, w)  ! continue the last increment by a share of it
    real(8), intent(in) :: statev(state_size), share
    type(network_work), intent(inout) :: w
    integer :: l, k, at, s
    real(8) :: guess
    do l = 1, nl
      at = first_leaf + (l - 1)*leaf_size + 15 + nz
      w%stress(:, l) = w%stress(:, l) + share*(w%stress(:, l) - statev(at + nz:at + nz + 5))
      do s = 1, nz
        guess = w%z(s, l) + share*(w%z(s, l) - statev(at + s - 1))
        if (state_scale(s, phase(l)) == 0.0d0) guess = max(guess, 0.5d0*w%z(s, l))
        w%z(s, l) = guess
      end do
    end do
    do k = 1, inner
      at = first_inner + 6*(k - 1)
      w%interaction(:, k) = w%interaction(:, k) &
                            + share*(w%interaction(:, k) - statev(at + 3:at + 5))
    end do
  end subroutine extrapolate

  subroutine normalise(w)
    type(network_work), intent(inout) :: w
    integer :: l
    do l = 1, nl
      w%plastic_inverse(:, :, l) = w%plastic_inverse(:, :, l) &
                                   *determinant(w%plastic_inverse(:, :, l))**(-1.0d0/3.0d0)
    end do
  end subroutine normalise

  ! From F0 to F1 in equal pieces.
  subroutine follow(statev, f0, f1, dt, pieces, share, final, w, converged)
    real(8), intent(in) :: statev(state_size), f0(3, 3), f1(3, 3), dt, share
    integer, intent(in) :: pieces
    logical, intent(in) :: final
    type(network_work), intent(inout) :: w
    logical, intent(out) :: converged
    real(8) :: goal(3, 3)
    integer :: piece
    call load(statev, w)
    w%deformation(:, :, root) = f0
    do piece = 1, pieces
      goal = f0 + (f1 - f0)*(dble(piece)/dble(pieces))
      if (piece == 1 .and. share /= from_elastic) then
        call extrapolate(statev, share, w)
        w%deformation(:, :, root) = goal
      end if
      call place(w)
      call advance(dt/pieces, goal, piece == 1 .and. share == from_elastic, .false., w, converged)
      if (.not. converged) return
      if (final .and. piece == pieces) then
        call advance(dt/pieces, goal, .false., .true., w, converged)
        if (.not. converged) return
      end if
      call normalise(w)
      if (piece < pieces) then
        w%plastic_start = w%plastic_inverse
        w%z_start = w%z
      end if
    end do
  end subroutine follow

  subroutine store(f0, w, statev)
    real(8), intent(in) :: f0(3, 3)
    type(network_work), intent(in) :: w
    real(8), intent(inout) :: statev(state_size)
    integer :: l, k, at
    statev(last_f:last_f + 8) = reshape(f0, [9])
    do l = 1, nl
      at = first_leaf + (l - 1)*leaf_size
      statev(at + 15 + nz:at + 20 + 2*nz) = statev(at + 9:at + 14 + nz)
      statev(at:at + 8) = reshape(w%plastic_inverse(:, :, l), [9])
      statev(at + 9:at + 8 + nz) = w%z(:, l)
      statev(at + 9 + nz:at + 14 + nz) = w%stress(:, l)
    end do
    do k = 1, inner
      at = first_inner + 6*(k - 1)
      statev(at + 3:at + 5) = statev(at:at + 2)
      statev(at:at + 2) = w%interaction(:, k)
    end do
  end subroutine store

  subroutine initialise(f0, statev)
    real(8), intent(in) :: f0(3, 3)
    real(8), intent(out) :: statev(state_size)
    integer :: l, at
    statev = 0.0d0
    statev(flag) = 1.0d0
    statev(last_f:last_f + 8) = reshape(f0, [9])
    do l = 1, nl
      at = first_leaf + (l - 1)*leaf_size
      statev(at:at + 8) = reshape(orientation(:, :, l), [9])
      statev(at + 9:at + 8 + nz) = z_initial(:, phase(l))
      statev(at + 15 + nz:at + 14 + 2*nz) = z_initial(:, phase(l))
    end do
  end subroutine initialise

  ! Central differences of P, for an increment in pieces.
  subroutine differences(statev, f0, f1, dt, pieces, w, tangent, converged)
    real(8), intent(in) :: statev(state_size), f0(3, 3), f1(3, 3), dt
    integer, intent(in) :: pieces
    type(network_work), intent(inout) :: w
    real(8), intent(out) :: tangent(9, 9)
    logical, intent(out) :: converged
    real(8), parameter :: difference = 1.0d-6
    real(8) :: varied(3, 3), more(3, 3)
    integer :: i, j
    do i = 1, 3
      do j = 1, 3
        varied = f1
        varied(i, j) = f1(i, j) + difference
        call follow(statev, f0, varied, dt, pieces, from_elastic, .false., w, converged)
        if (.not. converged) return
        more = w%piola(:, :, root)
        varied(i, j) = f1(i, j) - difference
        call follow(statev, f0, varied, dt, pieces, from_elastic, .false., w, converged)
        if (.not. converged) return
        tangent(3*(i - 1) + j, :) = reshape(transpose(more - w%piola(:, :, root)), [9]) &
                                    /(2.0d0*difference)
      end do
    end do
  end subroutine differences

  ! One increment from F0 to F1: P, dP/dF (second index: P) and the state; converged or unchanged.
  subroutine increment(f0, f1, dt, statev, piola, tangent, w, converged)
    real(8), intent(in) :: f0(3, 3), f1(3, 3), dt
    real(8), intent(inout) :: statev(state_size)
    real(8), intent(out) :: piola(3, 3), tangent(9, 9)
    type(network_work), intent(inout) :: w
    logical, intent(out) :: converged
    real(8) :: before(3, 3), last, new, both, share
    integer :: pieces
    before = f0 - reshape(statev(last_f:last_f + 8), [3, 3])
    last = sum(before*before)
    new = sum((f1 - f0)**2)
    both = sum(before*(f1 - f0))
    share = from_elastic
    if (last > 0.0d0 .and. both > 0.99d0*sqrt(last*new)) share = both/last
    pieces = 1
    do while (pieces <= max_pieces)
      call follow(statev, f0, f1, dt, pieces, share, pieces == 1, w, converged)
      if (converged .and. pieces > 1) then
        call differences(statev, f0, f1, dt, pieces, w, tangent, converged)
        if (converged) call follow(statev, f0, f1, dt, pieces, from_elastic, .false., w, converged)
      else if (converged) then
        tangent = w%tangent(:, :, root)
      end if
      if (converged) then
        piola = w%piola(:, :, root)
        call store(f0, w, statev)
        return
      end if
      if (share == from_elastic) pieces = 2*pieces
      share = from_elastic
    end do
  end subroutine increment

end module umat_increment
